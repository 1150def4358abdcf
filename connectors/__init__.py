"""How events enter: `sdk` is the contract for whoever writes a connector; one folder per source system."""
