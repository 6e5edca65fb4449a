//! Every operation of a register against its definition, lane by lane, at every instruction set of this machine.

use crate::kernels::simd::{Level, Task, Vector, WIDEST, available, dispatch};

type Lanes = [f32; WIDEST];

const NUMBERS: Lanes = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    3.75,
    -2.25,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1e-42,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    16_777_215.0,
    0.1,
];

/// The numbers from the one at `by` on, and round again: two of them turned against each other meet in every pair.
fn turned(by: usize) -> Lanes {
    std::array::from_fn(|lane| NUMBERS[(lane + by) % WIDEST])
}

/// The same bits, or both NaN, or zeros of either sign.
fn same(found: f32, expected: f32) -> bool {
    found == expected || found.is_nan() && expected.is_nan()
}

/// Whether a multiply-add of this level rounds once.
fn fuses(level: Level) -> bool {
    !matches!(level, Level::Scalar | Level::Simd128)
}

/// What the operations on numbers give, each with its name.
struct Arithmetic([Lanes; 3]);

impl Task<Vec<(&'static str, Lanes)>> for Arithmetic {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Vec<(&'static str, Lanes)> {
        let [a, b, c] = &self.0;
        // SAFETY: `dispatch` vouches for the instructions; a register has at most so many lanes.
        let [a, b, c] = unsafe {
            [
                V::load(a.as_ptr()),
                V::load(b.as_ptr()),
                V::load(c.as_ptr()),
            ]
        };
        let (value, index) = a.larger(c, b, a);
        vec![
            ("add", a.add(b).lanes()),
            ("sub", a.sub(b).lanes()),
            ("mul", a.mul(b).lanes()),
            ("div", a.div(b).lanes()),
            ("sqrt", a.sqrt().lanes()),
            ("mul_add", a.mul_add(b, c).lanes()),
            ("larger, value", value.lanes()),
            ("larger, index", index.lanes()),
            ("select_positive", a.select_positive(b, c).lanes()),
            // SAFETY: as above.
            ("clamp", unsafe {
                a.clamp(V::splat(-1.5), V::splat(2.0)).lanes()
            }),
            // SAFETY: as above.
            ("zero", unsafe { V::zero().lanes() }),
        ]
    }
}

fn defined(level: Level, operation: &str, [a, b, c]: [f32; 3]) -> f32 {
    let is_larger = b > a || b.is_nan();
    match operation {
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "div" => a / b,
        "sqrt" => a.sqrt(),
        "mul_add" if fuses(level) => a.mul_add(b, c),
        "mul_add" => a * b + c,
        "larger, value" => {
            if is_larger {
                b
            } else {
                a
            }
        }
        "larger, index" => {
            if is_larger {
                a
            } else {
                c
            }
        }
        "select_positive" => {
            if a <= 0.0 {
                c
            } else {
                b
            }
        }
        "clamp" if a.is_nan() => -1.5,
        "clamp" => a.clamp(-1.5, 2.0),
        "zero" => 0.0,
        _ => unreachable!("{operation}"),
    }
}

#[test]
fn arithmetic_is_as_defined() {
    let mut compared = 0;
    for level in available() {
        for by in 0..WIDEST {
            for third in [1, 5, 14] {
                // Turned together too: a narrow register holds the first numbers alone.
                for start in 0..WIDEST {
                    let inputs = [turned(start), turned(start + by), turned(start + third)];
                    for (operation, found) in dispatch(level, Arithmetic(inputs)) {
                        let lanes = dispatch(level, CountLanes);
                        for lane in 0..lanes {
                            let numbers = inputs.map(|input| input[lane]);
                            let expected = defined(level, operation, numbers);
                            assert!(
                                same(found[lane], expected),
                                "{level} {operation} of {numbers:?}: {} instead of {expected}",
                                found[lane]
                            );
                            compared += 1;
                        }
                        assert!(found[lanes..].iter().all(|&rest| rest == 0.0));
                    }
                }
            }
        }
    }
    assert!(compared >= 11 * 16 * 3 * 16 * 4);
}

struct CountLanes;

impl Task<usize> for CountLanes {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> usize {
        V::LANES
    }
}

/// Bytes in and out, choices, look-ups, and registers that are filled or written in part.
struct Bytes<'a> {
    numbers: &'a Lanes,
    bytes: &'a [u8; WIDEST],
    indices: &'a Lanes,
    table: &'a [u32],
    used: usize,
}

struct Moved {
    lanes: usize,
    loaded: Lanes,
    chosen: Lanes,
    looked_up: [Lanes; 4],
    truncated: Lanes,
    equal: u32,
    first: Lanes,
    up_to: Lanes,
    /// Filled with [`UNTOUCHED`] before.
    stored: [Lanes; 2],
    stored_bytes: [u8; WIDEST],
}

const UNTOUCHED: f32 = 77.0;

impl Task<Moved> for Bytes<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Moved {
        let (used, mut stored, mut stored_bytes) = (
            self.used.min(V::LANES),
            [[UNTOUCHED; WIDEST]; 2],
            [77; WIDEST],
        );
        // SAFETY: `dispatch` vouches for the instructions; every array has as many places as the widest register has
        // lanes, `used` is at most the lanes, and the indices are those of words of the table.
        unsafe {
            let numbers = V::load(self.numbers.as_ptr());
            let loaded = V::load_bytes(self.bytes.as_ptr());
            let indices = V::load(self.indices.as_ptr());
            let four = V::load_four(self.numbers.as_ptr());
            let looked_up = V::look_up(self.table.as_ptr(), indices);
            numbers.store_first(stored[0].as_mut_ptr(), used);
            numbers.store_up_to(stored[1].as_mut_ptr(), used);
            loaded.store_bytes(stored_bytes.as_mut_ptr(), used);
            Moved {
                lanes: V::LANES,
                loaded: loaded.lanes(),
                chosen: four.choose(V::load_choice(self.bytes.as_ptr())).lanes(),
                looked_up: [
                    looked_up[0].lanes(),
                    looked_up[1].lanes(),
                    looked_up[2].lanes(),
                    looked_up[3].lanes(),
                ],
                truncated: indices.add(V::splat(0.75)).truncate().lanes(),
                equal: loaded.equal_bits(indices),
                first: V::load_first(self.numbers.as_ptr(), used).lanes(),
                up_to: V::load_up_to(self.numbers.as_ptr(), used).lanes(),
                stored,
                stored_bytes,
            }
        }
    }
}

#[test]
fn bytes_and_places_are_as_defined() {
    // Each byte of a word is another function of its place.
    let word = |at: u32| u32::from_le_bytes([at, 3 * at + 1, 255 - at, 7 * at].map(|x| x as u8));
    let table: Vec<u32> = (0..400).map(word).collect();
    for level in available() {
        for round in 0..=255u8 {
            let bytes: [u8; WIDEST] =
                std::array::from_fn(|lane| round.wrapping_add(37 * lane as u8));
            let indices: Lanes =
                std::array::from_fn(|lane| match (lane + usize::from(round)) % 3 {
                    0 => f32::from(bytes[lane]),
                    _ => ((lane * 29 + usize::from(round)) % 400) as f32,
                });
            let numbers = turned(usize::from(round));
            let used = usize::from(round) % (WIDEST + 1);
            let moved = dispatch(
                level,
                Bytes {
                    numbers: &numbers,
                    bytes: &bytes,
                    indices: &indices,
                    table: &table,
                    used,
                },
            );
            let used = used.min(moved.lanes);
            for lane in 0..moved.lanes {
                let is = |what: &str, found: f32, expected: f32| {
                    assert!(
                        same(found, expected),
                        "{level} {what}: {found}, not {expected}"
                    );
                };
                let byte = f32::from(bytes[lane]);
                is("load_bytes", moved.loaded[lane], byte);
                is(
                    "choose",
                    moved.chosen[lane],
                    numbers[usize::from(bytes[lane] & 3)],
                );
                let words = table[indices[lane] as usize].to_le_bytes();
                for (found, byte) in moved.looked_up.iter().zip(words) {
                    is("look_up", found[lane], f32::from(byte));
                }
                is("truncate", moved.truncated[lane], indices[lane]);
                let is_equal = moved.equal >> lane & 1 == 1;
                assert_eq!(is_equal, byte == indices[lane], "{level} equal_bits");
                let (number, inside) = (numbers[lane], lane < used);
                let read = if inside { number } else { 0.0 };
                is("load_first", moved.first[lane], read);
                is("load_up_to", moved.up_to[lane], read);
            }
            assert_eq!(
                moved.equal.checked_shr(moved.lanes as u32),
                Some(0),
                "{level}"
            );
            for lane in 0..WIDEST {
                let expected = if lane < used {
                    numbers[lane]
                } else {
                    UNTOUCHED
                };
                let stored = moved.stored.map(|stored| stored[lane]);
                assert!(
                    stored.iter().all(|&found| same(found, expected)),
                    "{level} store"
                );
                let expected = if lane < used { bytes[lane] } else { 77 };
                assert_eq!(moved.stored_bytes[lane], expected, "{level} store_bytes");
            }
        }
    }
}
