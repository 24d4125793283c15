"""A consumer as a command: events as lines of JSON, each once in a file."""
