//! The Mersenne Twister of 32-bit words.
//! Source: Matsumoto and Nishimura 1998; mt19937ar.c of 2002 for both ways of seeding.

const N: usize = 624;
const M: usize = 397;

/// The generator.
#[derive(Clone, Debug)]
pub(super) struct Mt19937 {
    state: [u32; N],
    /// Words of the state that were given out.
    used: usize,
}

impl Mt19937 {
    /// Seeded by one number, as PyTorch does.
    pub(super) fn from_number(seed: u32) -> Self {
        let mut state = [0; N];
        let mut last = seed;
        for (i, word) in state.iter_mut().enumerate() {
            if i > 0 {
                last = (last ^ last >> 30).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
            }
            *word = last;
        }
        Self { state, used: N }
    }

    /// Seeded by a key of at least one word, as Python does.
    pub(super) fn from_key(key: &[u32]) -> Self {
        let mut generator = Self::from_number(19_650_218);
        let state = &mut generator.state;
        let mut i = 1;
        let next = |state: &mut [u32; N], i: usize| {
            if i + 1 < N {
                return i + 1;
            }
            state[0] = state[N - 1];
            1
        };
        for (j, &word) in key.iter().enumerate().cycle().take(N.max(key.len())) {
            let mixed = (state[i - 1] ^ state[i - 1] >> 30).wrapping_mul(1_664_525);
            state[i] = (state[i] ^ mixed).wrapping_add(word).wrapping_add(j as u32);
            i = next(state, i);
        }
        for _ in 1..N {
            let mixed = (state[i - 1] ^ state[i - 1] >> 30).wrapping_mul(1_566_083_941);
            state[i] = (state[i] ^ mixed).wrapping_sub(i as u32);
            i = next(state, i);
        }
        state[0] = 0x8000_0000;
        generator
    }

    /// The next 32 bits.
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.used == N {
            self.refill();
        }
        let mut word = self.state[self.used];
        self.used += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9D2C_5680;
        word ^= word << 15 & 0xEFC6_0000;
        word ^ word >> 18
    }

    fn refill(&mut self) {
        for i in 0..N {
            let joined = self.state[i] & 0x8000_0000 | self.state[(i + 1) % N] & 0x7FFF_FFFF;
            let odd = if joined & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ joined >> 1 ^ odd;
        }
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of mt19937ar.out, the reference output of the authors for the key 0x123, 0x234, 0x345, 0x456.
    #[test]
    fn reference_output() {
        let mut generator = Mt19937::from_key(&[0x123, 0x234, 0x345, 0x456]);
        let words: Vec<u32> = (0..5).map(|_| generator.next_u32()).collect();
        assert_eq!(words, [1067595299, 955945823, 477289528, 4107218783, 4228976476]);
        // C++ guarantees the 10000th output of the default seed.
        let mut generator = Mt19937::from_number(5489);
        assert_eq!((0..10_000).map(|_| generator.next_u32()).last(), Some(4123659995));
    }
}
