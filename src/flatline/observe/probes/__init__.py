"""One probe a file; each measures one thing and knows nothing of causes."""
