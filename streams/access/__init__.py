"""Who may do what with citizens' timelines, and the record of who did: tokens, permissions, audit."""
