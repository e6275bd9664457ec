//! What the program does: commands, queries, event handlers and the deployment saga. Only ports are called; nothing prints.
