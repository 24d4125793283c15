"""Servers: clusters, standbys, poolers, disks, clocks, scripts."""
