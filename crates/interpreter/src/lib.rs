//! What comes next: graph, input and outcomes so far in; firings, effects and checkpoints out.
