"""A local web app over run folders: what ran, what it showed, and every sample of it."""
