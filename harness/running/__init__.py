"""The only concurrency: who is asked when, and the journal that loses nothing."""
