"""The pages of the viewer: each file is one kind of page, with its routes."""
