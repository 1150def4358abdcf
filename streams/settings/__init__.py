"""Settings: their schema with defaults and bounds, the loader, and the SLA file. Imports no running part."""
