"""The command `evident`: one module for each group of commands."""
