"""Citizens' timelines over HTTP: who asks is known, what is answered is recorded first."""
