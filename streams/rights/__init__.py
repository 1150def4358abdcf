"""Citizens' rights (GDPR): all that is held about one is handed out, or erased and proved to be."""
