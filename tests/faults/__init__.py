"""Crashes, failovers, full disks, clocks, moves."""
