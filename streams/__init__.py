"""Stream processing: what events mean (core), the Faust engine, the workers, the web pages and the command line."""
