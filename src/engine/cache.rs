//! Keys and values of what was read already, so that each token goes through the model once.
//!
//! Sequences live in slots of equal capacity. Dropping a sequence copies nothing; two beams that share a
//! past copy it once. Sequences may differ in length: there is no padding.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::hooks::Tap;
use crate::kernels::{Kernels, Span};
use crate::model::{Decoder, ModelConfig};
use crate::tensor::{Real, Tensor};

/// Keys and values of some sequences, in every layer.
pub struct KvCache {
    kernels: Arc<dyn Kernels>,
    layers: Vec<Layer>,
    capacity: usize,
    /// Tokens held by each slot.
    held: Vec<usize>,
    /// The slot of each running sequence.
    slots: Vec<usize>,
}

/// One layer: rows of all slots, (slots · capacity, K·D).
struct Layer {
    keys: Tensor,
    values: Tensor,
}

impl KvCache {
    /// Room for `n_slots` sequences of at most `capacity` tokens of this model; none is running yet.
    ///
    /// # Errors
    /// `Device` when a card has no memory left.
    pub fn new(model: &Decoder, n_slots: usize, capacity: usize) -> Result<Self> {
        let (config, kernels) = (&model.config, Arc::clone(&model.kernels));
        let shape = [n_slots * capacity, config.n_kv_head * config.d_head];
        let layer = |_| Ok(Layer { keys: kernels.stale(&shape, false)?, values: kernels.stale(&shape, false)? });
        Ok(Self {
            layers: (0..config.n_layer).map(layer).collect::<Result<_>>()?,
            kernels,
            capacity,
            held: vec![0; n_slots],
            slots: Vec::with_capacity(n_slots),
        })
    }

    /// Memory of a cache of this size, in bytes.
    pub fn bytes(config: &ModelConfig, n_slots: usize, capacity: usize) -> u64 {
        let rows = (n_slots * capacity * config.n_layer) as u64;
        rows * 2 * (config.n_kv_head * config.d_head * size_of::<Real>()) as u64
    }

    /// Number of running sequences.
    pub fn n_rows(&self) -> usize {
        self.slots.len()
    }

    /// Tokens read of sequence `row`; 0 when it does not run.
    pub fn len(&self, row: usize) -> usize {
        self.slots.get(row).map_or(0, |slot| self.held[*slot])
    }

    /// Whether no sequence runs.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Forgets everything and starts `n_rows` empty sequences.
    ///
    /// # Errors
    /// `Bug` when there are fewer slots.
    pub fn restart(&mut self, n_rows: usize) -> Result<()> {
        if n_rows > self.held.len() {
            return Err(Error::bug(format!("{n_rows} sequences in a cache of {} slots", self.held.len())));
        }
        self.held.fill(0);
        self.slots = (0..n_rows).collect();
        Ok(())
    }

    /// Sequence `i` continues what was sequence `parents[i]`; sequences that are not named end.
    ///
    /// # Errors
    /// `Bug` when a parent does not run or there are more sequences than slots.
    pub fn reorder(&mut self, parents: &[usize]) -> Result<()> {
        if parents.iter().copied().eq(0..self.slots.len()) {
            return Ok(());
        }
        if parents.len() > self.held.len() || parents.iter().any(|p| *p >= self.slots.len()) {
            return Err(Error::bug(format!("reordering {} sequences to {parents:?}", self.slots.len())));
        }
        // The first child of a parent keeps its slot; slots without a child are free for the others.
        let mut taken = vec![false; self.held.len()];
        let first_children: Vec<bool> =
            parents.iter().map(|p| !std::mem::replace(&mut taken[self.slots[*p]], true)).collect();
        let mut free = taken.iter().enumerate().filter(|(_, taken)| !**taken).map(|(slot, _)| slot);
        let mut slots = Vec::with_capacity(self.held.len());
        let mut copies = Vec::new();
        for (parent, is_first) in parents.iter().zip(first_children) {
            let from = self.slots[*parent];
            let to = if is_first { from } else { free.next().unwrap_or(from) };
            if to != from {
                copies.push((from, to));
            }
            slots.push(to);
        }
        for (from, to) in copies {
            self.copy(from, to)?;
        }
        self.slots = slots;
        Ok(())
    }

    fn copy(&mut self, from: usize, to: usize) -> Result<()> {
        let n = self.held[from];
        self.held[to] = n;
        for layer in &mut self.layers {
            for tensor in [&mut layer.keys, &mut layer.values] {
                let start = from * self.capacity;
                self.kernels.repeat_rows(tensor, start..start + n, to * self.capacity)?;
            }
        }
        Ok(())
    }

    /// Where the next tokens of each sequence are in a packed batch, and the keys they see.
    fn spans(&self, n_new: impl Iterator<Item = usize>) -> Vec<Span> {
        let mut row = 0;
        let place = |(slot, n): (&usize, usize)| {
            let start = slot * self.capacity;
            row += n;
            Span { q: row - n..row, kv: start..start + self.held[*slot] + n }
        };
        self.slots.iter().zip(n_new).map(place).collect()
    }
}

impl Layer {
    /// Puts new keys and values behind those their sequences have.
    fn store(&mut self, kernels: &dyn Kernels, spans: &[Span], k: &Tensor, v: &Tensor) -> Result<()> {
        for (cached, fresh) in [(&mut self.keys, k), (&mut self.values, v)] {
            for span in spans {
                kernels.copy_rows(cached, span.kv.end - span.q.len(), fresh, span.q.clone())?;
            }
        }
        Ok(())
    }
}

impl Decoder {
    /// Reads the next tokens of every running sequence (one or more each) and remembers their keys and values.
    /// Gives what the head reads, (N, C), rows in the order of the tokens: bit for bit what the forward pass
    /// over the whole sequences gives.
    ///
    /// # Errors
    /// `Data` for an id beyond the vocabulary or a sequence longer than the context; `Bug` when the cache is too small.
    pub fn step(&self, cache: &mut KvCache, tokens: &[&[u32]]) -> Result<Tensor> {
        self.check_step(cache, tokens)?;
        let spans = cache.spans(tokens.iter().map(|t| t.len()));
        let flat = tokens.concat();
        let positions: Vec<u32> =
            cache.slots.iter().zip(tokens).flat_map(|(slot, t)| (cache.held[*slot] as u32..).take(t.len())).collect();
        let layers = &mut cache.layers;
        let mut attend = |layer: usize, z: &mut Tensor, qkv: [&Tensor; 3], _: &mut dyn Tap| {
            let cached = &mut layers[layer];
            cached.store(&*self.kernels, &spans, qkv[1], qkv[2])?;
            self.kernels.attention(z, [qkv[0], &cached.keys, &cached.values], &spans, &self.attention_spec(layer))?;
            Ok(None)
        };
        let hidden = self.forward_rows(&flat, &positions, &mut attend)?;
        for (slot, t) in cache.slots.iter().zip(tokens) {
            cache.held[*slot] += t.len();
        }
        Ok(hidden)
    }

    fn check_step(&self, cache: &KvCache, tokens: &[&[u32]]) -> Result<()> {
        if tokens.len() != cache.n_rows() || tokens.iter().any(|t| t.is_empty()) {
            return Err(Error::bug(format!("{} sequences run but {} go on", cache.n_rows(), tokens.len())));
        }
        let c = &self.config;
        if let Some(id) = tokens.iter().copied().flatten().find(|id| **id as usize >= c.vocab_size) {
            let message = format!("token id {id} exceeds the vocabulary of the model ({} tokens)", c.vocab_size);
            return Err(Error::data(message).hint("the rows or the tokenizer belong to another model"));
        }
        let longest = (0..tokens.len()).map(|row| cache.len(row) + tokens[row].len()).max().unwrap_or(0);
        if longest > c.n_ctx {
            let message = format!("{longest} tokens are more than the context of the model ({})", c.n_ctx);
            return Err(Error::data(message).hint("shorten the prompt or generate fewer tokens"));
        }
        if longest > cache.capacity {
            return Err(Error::bug(format!("{longest} tokens in a cache for {}", cache.capacity)));
        }
        Ok(())
    }
}
