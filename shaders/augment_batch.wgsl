// Takes the pictures of a batch from the data set on the device, distorts each by what a random stream draws for it,
// and normalises it: bytes become value * scale + shift. A workgroup takes a picture; src/kernels/augment_batch/ says
// what is drawn, and what its twin does the same way.
const SIDE: u32 = 28u;
const CELLS: u32 = 5u;
const CONTROLS: u32 = CELLS + 3u;
const PIXELS: u32 = SIDE * SIDE;
const WORDS: u32 = PIXELS / 4u;
const INVOCATIONS: u32 = 64u;

struct Parameters {
    seed_low: u32,
    seed_high: u32,
    epoch: u32,
    batch: u32,
    quarter_angle: f32, // the highest rotation in radians, divided by four
    stretch: f32,
    shear: f32,
    travel: f32,
    elastic: f32,
    cutout: u32,
    flip: u32,
    padding: u32,
    scale: f32,
    shift: f32,
    padding2: vec2<u32>,
}

@group(0) @binding(0) var<storage, read_write> images: array<u32>; // [N][word], little-endian
@group(0) @binding(1) var<storage, read_write> indices: array<i32>; // [n], each below N
@group(0) @binding(2) var<storage, read_write> batch_images: array<vec4<f32>>; // [n][word]
@group(0) @binding(3) var<uniform> parameters: Parameters;

var<workgroup> picture: array<u32, WORDS>;
// Displacements of the control points, [row][column]; then summed over columns, [row of controls][column of pixels].
var<workgroup> control_points: array<vec2<f32>, CONTROLS * CONTROLS>;
var<workgroup> summed: array<vec2<f32>, CONTROLS * SIDE>;

fn rotate_left(words: vec2<u32>, bits: vec2<u32>) -> vec2<u32> {
    return (words << bits) | (words >> (vec2(32u) - bits));
}

// The two pairs of a round of Threefry: left plus right, and right rotated.
fn stir(words: vec4<u32>, bits: vec2<u32>) -> vec4<u32> {
    let left = words.xz + words.yw;
    let right = rotate_left(words.yw, bits) ^ left;
    return vec4(left.x, right.x, left.y, right.y);
}

// Four rounds; every other one mixes the first word with the last and the third with the second.
fn rounds(words: vec4<u32>, a: vec4<u32>, b: vec4<u32>) -> vec4<u32> {
    var mixed = stir(words, a.xy);
    mixed = stir(mixed.xwzy, a.zw).xwzy;
    mixed = stir(mixed, b.xy);
    return stir(mixed.xwzy, b.zw).xwzy;
}

// Threefry-4x32-20 (Salmon et al. 2011): a block of four random words.
fn threefry(key: vec4<u32>, block: u32) -> vec4<u32> {
    let last = 0x1bd11bdau ^ key.x ^ key.y ^ key.z ^ key.w;
    let a = vec4(10u, 26u, 11u, 21u);
    let b = vec4(13u, 27u, 23u, 5u);
    let c = vec4(6u, 20u, 17u, 11u);
    let d = vec4(25u, 10u, 18u, 20u);
    var words = vec4(block, 0u, 0u, 0u) + key;
    words = rounds(words, a, b) + vec4(key.yzw, last + 1u);
    words = rounds(words, c, d) + vec4(key.zw, last, key.x + 2u);
    words = rounds(words, a, b) + vec4(key.w, last, key.x, key.y + 3u);
    words = rounds(words, c, d) + vec4(last, key.xy, key.z + 4u);
    return rounds(words, a, b) + vec4(key.xyz, key.w + 5u);
}

// From -1 to below 1, exact.
fn signed(words: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(vec4<i32>(words >> vec4(8u)) - vec4(8388608)) * (1.0 / 8388608.0);
}

// Sine and cosine of four times `quarter`.
fn rotation(quarter: f32) -> vec2<f32> {
    let q = quarter * quarter;
    var sine = quarter * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q / 362880.0))));
    var cosine = 1.0 + q * (-0.5 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q * (1.0 / 40320.0 - q / 3628800.0))));
    for (var doubling = 0u; doubling < 2u; doubling++) {
        let doubled = 2.0 * sine * cosine;
        cosine = 1.0 - 2.0 * sine * sine;
        sine = doubled;
    }
    return vec2(sine, cosine);
}

// The first control point that pixel `at` takes part of.
fn first_control(at: u32) -> u32 {
    return (2u * at + 1u) * CELLS / (2u * SIDE);
}

// The weights of that and the next three: a uniform cubic B-spline.
fn weights(at: u32) -> vec4<f32> {
    let t = f32((2u * at + 1u) * CELLS % (2u * SIDE)) / f32(2u * SIDE);
    let rest = 1.0 - t;
    let square = t * t;
    let cube = square * t;
    return vec4(
        rest * rest * rest,
        3.0 * cube - 6.0 * square + 4.0,
        -3.0 * cube + 3.0 * square + 3.0 * t + 1.0,
        cube,
    ) / 6.0;
}

// The byte at a column and row, 0 outside.
fn byte_at(column: i32, row: i32) -> f32 {
    if (min(column, row) < 0 || max(column, row) >= i32(SIDE)) {
        return 0.0;
    }
    let at = u32(row) * SIDE + u32(column);
    return f32((picture[at / 4u] >> (8u * (at % 4u))) & 255u);
}

// By linear interpolation.
fn value_at(place: vec2<f32>) -> f32 {
    let corner = floor(place);
    let part = place - corner;
    let column = i32(corner.x);
    let row = i32(corner.y);
    let left = byte_at(column, row);
    let upper = left + (byte_at(column + 1, row) - left) * part.x;
    let low_left = byte_at(column, row + 1);
    let lower = low_left + (byte_at(column + 1, row + 1) - low_left) * part.x;
    return upper + (lower - upper) * part.y;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = workgroup.y * grid.x + workgroup.x;
    if (number >= parameters.batch) {
        return;
    }
    let source = u32(indices[number]);
    for (var at = local; at < WORDS; at += INVOCATIONS) {
        picture[at] = images[source * WORDS + at];
    }

    let key = vec4(parameters.seed_low, parameters.seed_high, parameters.epoch, source);
    let places = threefry(key, 1u);
    let affine = signed(threefry(key, 0u));
    let stretch = vec2(1.0) + parameters.stretch * affine.yz;
    let shear = parameters.shear * affine.w;
    var mirror = vec2(1.0);
    if (parameters.flip == 1u && threefry(key, 2u).x >> 31u == 1u) {
        mirror.x = -1.0;
    }
    let turn = rotation(parameters.quarter_angle * affine.x);
    let of_x = mirror * vec2(turn.y, turn.x) * stretch.x;
    let of_y = mirror * vec2(turn.y * shear - turn.x * stretch.y, turn.x * shear + turn.y * stretch.y);
    let offset = mirror * (parameters.travel * signed(places).xy);
    let hole = vec2<i32>(((places.zw >> vec2(8u)) * SIDE) >> vec2(24u)) - i32(parameters.cutout / 2u);

    if (parameters.elastic > 0.0) {
        // Two control points a block; the first three blocks are those above.
        for (var at = local; at * 2u < CONTROLS * CONTROLS; at += INVOCATIONS) {
            let drawn = signed(threefry(key, 3u + at)) * parameters.elastic;
            control_points[2u * at] = mirror * drawn.xy;
            if (2u * at + 1u < CONTROLS * CONTROLS) {
                control_points[2u * at + 1u] = mirror * drawn.zw;
            }
        }
    }
    workgroupBarrier();
    if (parameters.elastic > 0.0) {
        for (var at = local; at < CONTROLS * SIDE; at += INVOCATIONS) {
            let column = at % SIDE;
            let first = at / SIDE * CONTROLS + first_control(column);
            let weight = weights(column);
            summed[at] = control_points[first] * weight.x + control_points[first + 1u] * weight.y
                + control_points[first + 2u] * weight.z + control_points[first + 3u] * weight.w;
        }
    }
    workgroupBarrier();

    let centre = (f32(SIDE) - 1.0) / 2.0;
    for (var word = local; word < WORDS; word += INVOCATIONS) {
        var values = vec4(0.0);
        for (var lane = 0u; lane < 4u; lane++) {
            let row = (word * 4u + lane) / SIDE;
            let column = (word * 4u + lane) % SIDE;
            let x = f32(column) - centre;
            let y = f32(row) - centre;
            var place = of_x * x + (of_y * y + offset + centre);
            if (parameters.elastic > 0.0) {
                let first = first_control(row) * SIDE + column;
                let weight = weights(row);
                place += summed[first] * weight.x + summed[first + SIDE] * weight.y
                    + summed[first + 2u * SIDE] * weight.z + summed[first + 3u * SIDE] * weight.w;
            }
            let inside = vec2<i32>(i32(column), i32(row)) - hole;
            let cut = min(inside.x, inside.y) >= 0 && max(inside.x, inside.y) < i32(parameters.cutout);
            values[lane] = select(value_at(place), 0.0, cut);
        }
        batch_images[number * WORDS + word] = values * parameters.scale + parameters.shift;
    }
}
