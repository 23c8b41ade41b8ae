//! Counter-based random numbers: Philox 4x32-10 keyed by seed and stream name.
//!
//! A number depends on (seed, stream, index) alone: never on the batch, the thread or
//! what was drawn before, so that resuming needs no state and CPU and GPU agree.
//! Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".

/// A named stream of random numbers under a seed.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    prefix: u64,
    index: u64,
}

impl Stream {
    /// The stream `name` of `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], prefix: fnv1a(name), index: 0 }
    }

    /// The substream of item `index`: independent of all other items.
    pub fn item(&self, index: u64) -> Self {
        let words =
            philox(self.key, [index as u32, (index >> 32) as u32, self.prefix as u32, (self.prefix >> 32) as u32]);
        Self { key: [words[0], words[1]], prefix: u64::from(words[2]) | u64::from(words[3]) << 32, index: 0 }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let i = self.index;
        self.index += 1;
        let words = philox(self.key, [i as u32, (i >> 32) as u32, self.prefix as u32, (self.prefix >> 32) as u32]);
        u64::from(words[0]) | u64::from(words[1]) << 32
    }

    /// Uniform in [0, 1) with 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..n by multiplication; `n` must not be zero.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Standard normal by Box and Muller; both numbers of a pair come from one counter each.
    pub fn normal(&mut self) -> f64 {
        let u1 = 1.0 - self.uniform();
        let u2 = self.uniform();
        (-2.0 * u1.ln()).sqrt() * (std::f64::consts::TAU * u2).cos()
    }

    /// The words of a tensor's elements under this stream; those drawn from it are others.
    pub fn mask(&self) -> Mask {
        // drawn numbers count from 0 under the stream itself, these under an item that is never asked for
        let own = self.item(u64::MAX);
        Mask { key: own.key, prefix: [own.prefix as u32, (own.prefix >> 32) as u32] }
    }

    /// Fisher and Yates from the end.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }
}

/// Random words for the elements of a tensor: word i depends on the stream and i alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// The key of the generator.
    pub(crate) key: [u32; 2],
    /// The upper half of its counter.
    pub(crate) prefix: [u32; 2],
}

impl Mask {
    /// The words of elements 4·`quad` to 4·`quad` + 3.
    #[expect(clippy::inline_always, reason = "loops over it are compiled per instruction set")]
    #[inline(always)]
    pub(crate) fn words(self, quad: u64) -> [u32; 4] {
        philox(self.key, [quad as u32, (quad >> 32) as u32, self.prefix[0], self.prefix[1]])
    }

    /// Words below this drop their element: p in units of 2⁻³².
    pub(crate) fn threshold(p: f64) -> u32 {
        (p * f64::from(u32::MAX)).round() as u32
    }
}

fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[expect(clippy::inline_always, reason = "loops over it are compiled per instruction set")]
#[inline(always)]
fn philox(mut key: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key[0] = key[0].wrapping_add(0x9E37_79B9);
            key[1] = key[1].wrapping_add(0xBB67_AE85);
        }
        let p0 = u64::from(0xD251_1F53_u32) * u64::from(counter[0]);
        let p1 = u64::from(0xCD9E_8D57_u32) * u64::from(counter[2]);
        counter =
            [(p1 >> 32) as u32 ^ counter[1] ^ key[0], p1 as u32, (p0 >> 32) as u32 ^ counter[3] ^ key[1], p0 as u32];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known-answer vectors of the Random123 distribution (kat_vectors, philox4x32 10).
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox([0, 0], [0; 4]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([u32::MAX; 2], [u32::MAX; 4]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    }

    #[test]
    fn items_do_not_depend_on_what_was_drawn() {
        let mut a = Stream::new(7, "sampling");
        let first = a.item(3).next_u64();
        a.next_u64();
        assert_eq!(a.item(3).next_u64(), first);
        assert_ne!(a.item(4).next_u64(), first);
        assert_ne!(Stream::new(7, "other").item(3).next_u64(), first);
    }
}
