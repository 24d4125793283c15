"""The loops beside read models: worker, rebuild, drift."""
