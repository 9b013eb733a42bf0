"""The command line: one file a command, which parses, calls the pipeline, prints and exits."""
