//! Softmax cross-entropy, its gradient and the number correct in one pass over the logits.
//! Both forms are tested; the loss of training is still composed of Burn's own operations.

pub mod cpu;
pub mod passes;
