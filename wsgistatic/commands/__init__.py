"""The commands: ``wsgistatic [DIR]`` serves a directory, ``wsgistatic COMMAND`` does the rest."""
