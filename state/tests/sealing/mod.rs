//! Sealed stacks, on a file system and on an object store: what is sealed is read back by whoever has the key, nobody else
//! learns or changes anything unnoticed, and the way from one form to the other can be broken off anywhere.

mod attacks;
mod conversion;
mod crashes;
mod laws;
mod stage;
mod transfer;
