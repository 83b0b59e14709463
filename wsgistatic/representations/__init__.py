"""What HTTP sends of a file, and a cache of it: no environ."""
