"""What asking costs: ours, the floor and other harnesses, against one stand-in server."""
