// Globals that a program has declared without types.

// biome-ignore lint/suspicious/noExplicitAny: programs do this
type Untyped = any;
declare var Buffer: Untyped;
declare var AbortSignal: Untyped;
