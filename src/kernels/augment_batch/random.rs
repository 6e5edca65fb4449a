//! A counter-based random stream: Threefry-4x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
//! 1, 2, 3", SC 2011). It has no state, and needs only 32-bit sums, rotations and exclusive ors: a shader draws the
//! same numbers.

/// How far the second words of a round's two pairs are rotated; eight rounds, then from the first again.
const ROTATIONS: [[u32; 2]; 8] = [
    [10, 26],
    [11, 21],
    [13, 27],
    [23, 5],
    [6, 20],
    [17, 11],
    [25, 10],
    [18, 20],
];
const ROUNDS: usize = 20;
/// Of Threefish: no key leaves the key schedule all zero.
const PARITY: u32 = 0x1bd1_1bda;

/// Four random words of `key` and `counter`.
pub fn threefry(key: [u32; 4], counter: [u32; 4]) -> [u32; 4] {
    threefry_lanes(key, counter.map(|word| [word])).map(|[word]| word)
}

/// [`threefry`] for `N` counters side by side, in loops that become vector instructions.
#[inline(always)]
pub fn threefry_lanes<const N: usize>(key: [u32; 4], counters: [[u32; N]; 4]) -> [[u32; N]; 4] {
    let schedule = [
        key[0],
        key[1],
        key[2],
        key[3],
        PARITY ^ key[0] ^ key[1] ^ key[2] ^ key[3],
    ];
    let mut words = counters;
    for (word, key) in words.iter_mut().zip(key) {
        add(word, &[key; N]);
    }
    for round in 0..ROUNDS {
        let [mut a, mut b, mut c, mut d] = words;
        let [first, second] = ROTATIONS[round % 8];
        // Odd rounds mix the other pairs.
        words = match round % 2 {
            0 => {
                mix(&mut a, &mut b, first);
                mix(&mut c, &mut d, second);
                [a, b, c, d]
            }
            _ => {
                mix(&mut a, &mut d, first);
                mix(&mut c, &mut b, second);
                [a, b, c, d]
            }
        };
        if round % 4 == 3 {
            let injection = round / 4 + 1;
            for (place, word) in words.iter_mut().enumerate() {
                add(word, &[schedule[(injection + place) % 5]; N]);
            }
            add(&mut words[3], &[injection as u32; N]);
        }
    }
    words
}

#[inline(always)]
fn mix<const N: usize>(left: &mut [u32; N], right: &mut [u32; N], rotation: u32) {
    add(left, right);
    for (right, left) in right.iter_mut().zip(left) {
        *right = right.rotate_left(rotation) ^ *left;
    }
}

#[inline(always)]
fn add<const N: usize>(left: &mut [u32; N], right: &[u32; N]) {
    for (left, right) in left.iter_mut().zip(right) {
        *left = left.wrapping_add(*right);
    }
}

/// The 24 highest bits of a word as one of 2^24 floats evenly from -1 to below 1; exact.
#[inline(always)]
pub fn signed(word: u32) -> f32 {
    ((word >> 8) as i32 - (1 << 23)) as f32 * (1.0 / (1 << 23) as f32)
}

/// One of the whole numbers below `end` (itself at most 256), as likely as 24 bits can make them.
#[inline(always)]
pub fn below(word: u32, end: u32) -> u32 {
    ((word >> 8) * end) >> 24
}
