"""Where rows go: the contract of a sink, and one folder for each kind of warehouse."""
