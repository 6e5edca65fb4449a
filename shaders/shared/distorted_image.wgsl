// An image of the data set, distorted by what a random stream draws for it and normalised: bytes become
// value * scale + shift. src/kernels/augment_batch/ says what is drawn, and what its CPU kernel does the same way. What
// imports this binds `images`, `batch_images` and `parameters`.
#import shared/threefry
#import shared/bytes

const HEIGHT: u32 = 28u;
const WIDTH: u32 = 28u;
// 0: four grey pixels a word; 1: red, green, blue and 0 of one pixel.
const COLOUR: u32 = 0u;
const CELLS: u32 = 5u;
// Whether the image, and the sums of the spline over columns, have room in workgroup memory.
const STAGED: u32 = 1u;
const SUMMED: u32 = 1u;
const CONTROLS: u32 = CELLS + 3u;
const AREA: u32 = HEIGHT * WIDTH;
const WORDS: u32 = (AREA + 3u * (1u - COLOUR)) / (4u - 3u * COLOUR);

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
    first: u32, // the number of the first image
    scale: vec4<f32>, // of the four bytes of a word
    shift: vec4<f32>,
    fill: vec4<f32>, // what lies outside, as bytes
    colour: vec4<f32>, // contrast, brightness, saturation, each either way; 0
}

var<workgroup> image: array<u32, STAGED * (WORDS - 1u) + 1u>;
// Displacements of the control points, [row][column]; then summed over columns, [row of controls][column of pixels].
var<workgroup> control_points: array<vec2<f32>, CONTROLS * CONTROLS>;
var<workgroup> summed: array<vec2<f32>, SUMMED * (CONTROLS * WIDTH - 1u) + 1u>;

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

// The first control point that pixel `at` of `side` takes part of.
fn first_control(at: u32, side: u32) -> u32 {
    return (2u * at + 1u) * CELLS / (2u * side);
}

// The weights of that and the next three: a uniform cubic B-spline.
fn weights(at: u32, side: u32) -> vec4<f32> {
    let t = f32((2u * at + 1u) * CELLS % (2u * side)) / f32(2u * side);
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

// A row of control points at a column of pixels.
fn sum_at(row: u32, column: u32) -> vec2<f32> {
    let first = row * CONTROLS + first_control(column, WIDTH);
    let weight = weights(column, WIDTH);
    return control_points[first] * weight.x + control_points[first + 1u] * weight.y
        + control_points[first + 2u] * weight.z + control_points[first + 3u] * weight.w;
}

fn summed_at(row: u32, column: u32) -> vec2<f32> {
    if (SUMMED == 1u) {
        return summed[row * WIDTH + column];
    }
    return sum_at(row, column);
}

// How far the spline moves a pixel.
fn displacement(row: u32, column: u32) -> vec2<f32> {
    let first = first_control(row, HEIGHT);
    let weight = weights(row, HEIGHT);
    return summed_at(first, column) * weight.x + summed_at(first + 1u, column) * weight.y
        + summed_at(first + 2u, column) * weight.z + summed_at(first + 3u, column) * weight.w;
}

// A word of image `source` of the data set.
fn word_at(source: u32, at: u32) -> u32 {
    if (STAGED == 1u) {
        return image[at];
    }
    return images[source * WORDS + at];
}

fn outside(column: i32, row: i32) -> bool {
    return min(column, row) < 0 || column >= i32(WIDTH) || row >= i32(HEIGHT);
}

// The byte of a grey image at a column and row.
fn byte_at(source: u32, column: i32, row: i32) -> f32 {
    if (outside(column, row)) {
        return parameters.fill.x;
    }
    let at = u32(row) * WIDTH + u32(column);
    return f32((word_at(source, at / 4u) >> (8u * (at % 4u))) & 255u);
}

// The bytes of a coloured image at a column and row.
fn bytes_at(source: u32, column: i32, row: i32) -> vec4<f32> {
    if (outside(column, row)) {
        return parameters.fill;
    }
    let word = word_at(source, u32(row) * WIDTH + u32(column));
    return vec4<f32>(bytes_of(word));
}

// By linear interpolation.
fn grey_at(source: u32, place: vec2<f32>) -> f32 {
    let corner = floor(place);
    let part = place - corner;
    let column = i32(corner.x);
    let row = i32(corner.y);
    let left = byte_at(source, column, row);
    let upper = left + (byte_at(source, column + 1, row) - left) * part.x;
    let low_left = byte_at(source, column, row + 1);
    let lower = low_left + (byte_at(source, column + 1, row + 1) - low_left) * part.x;
    return upper + (lower - upper) * part.y;
}

fn colour_at(source: u32, place: vec2<f32>) -> vec4<f32> {
    let corner = floor(place);
    let part = place - corner;
    let column = i32(corner.x);
    let row = i32(corner.y);
    let left = bytes_at(source, column, row);
    let upper = left + (bytes_at(source, column + 1, row) - left) * part.x;
    let low_left = bytes_at(source, column, row + 1);
    let lower = low_left + (bytes_at(source, column + 1, row + 1) - low_left) * part.x;
    return upper + (lower - upper) * part.y;
}

// Where the pixels of an image come from.
struct Distortion {
    of_x: vec2<f32>,
    of_y: vec2<f32>,
    offset: vec2<f32>,
    hole: vec2<i32>,
}

fn place_of(drawn: Distortion, row: u32, column: u32) -> vec2<f32> {
    let centre = (vec2(f32(WIDTH), f32(HEIGHT)) - 1.0) / 2.0;
    let x = f32(column) - centre.x;
    let y = f32(row) - centre.y;
    let place = drawn.of_x * x + (drawn.of_y * y + drawn.offset + centre);
    if (parameters.elastic > 0.0) {
        return place + displacement(row, column);
    }
    return place;
}

fn is_cut(drawn: Distortion, row: u32, column: u32) -> bool {
    let inside = vec2<i32>(i32(column), i32(row)) - drawn.hole;
    return min(inside.x, inside.y) >= 0 && max(inside.x, inside.y) < i32(parameters.cutout);
}

// Bytes in another light: `colour` holds what is drawn of contrast, brightness and saturation.
fn recoloured(bytes: vec4<f32>, colour: vec4<f32>) -> vec4<f32> {
    var values = bytes;
    if (COLOUR == 1u) {
        let grey = dot(bytes.xyz, vec3(0.299, 0.587, 0.114));
        values = (bytes - grey) * (1.0 + colour.z) + grey;
    }
    return (values - 127.5) * (1.0 + colour.x) + (127.5 + 255.0 * colour.y);
}

// Image `source` as the one of this number in the batch, by what is drawn for it in this epoch.
fn distort(number: u32, source: u32, epoch: u32, local: u32) {
    if (STAGED == 1u) {
        for (var at = local; at < WORDS; at += INVOCATIONS) {
            image[at] = images[source * WORDS + at];
        }
    }

    let key = vec4(parameters.seed_low, parameters.seed_high, epoch, parameters.first + source);
    let places = threefry(key, 1u);
    let affine = signed(threefry(key, 0u));
    let stretch = vec2(1.0) + parameters.stretch * affine.yz;
    let shear = parameters.shear * affine.w;
    var mirror = vec2(1.0);
    let rest = threefry(key, 2u);
    if (parameters.flip == 1u && rest.x >> 31u == 1u) {
        mirror.x = -1.0;
    }
    let turn = rotation(parameters.quarter_angle * affine.x);
    var drawn: Distortion;
    drawn.of_x = mirror * vec2(turn.y, turn.x) * stretch.x;
    drawn.of_y = mirror * vec2(turn.y * shear - turn.x * stretch.y, turn.x * shear + turn.y * stretch.y);
    drawn.offset = mirror * (parameters.travel * signed(places).xy);
    let colour = parameters.colour * signed(rest.yzwx);
    let middle = ((places.zw >> vec2(8u)) * vec2(WIDTH, HEIGHT)) >> vec2(24u);
    drawn.hole = vec2<i32>(middle) - i32(parameters.cutout / 2u);

    if (parameters.elastic > 0.0) {
        // Two control points a block; the first three blocks are those above.
        for (var at = local; at * 2u < CONTROLS * CONTROLS; at += INVOCATIONS) {
            let moved = signed(threefry(key, 3u + at)) * parameters.elastic;
            control_points[2u * at] = mirror * moved.xy;
            if (2u * at + 1u < CONTROLS * CONTROLS) {
                control_points[2u * at + 1u] = mirror * moved.zw;
            }
        }
    }
    workgroupBarrier();
    if (SUMMED == 1u && parameters.elastic > 0.0) {
        for (var at = local; at < CONTROLS * WIDTH; at += INVOCATIONS) {
            summed[at] = sum_at(at / WIDTH, at % WIDTH);
        }
    }
    workgroupBarrier();

    for (var word = local; word < WORDS; word += INVOCATIONS) {
        var values = parameters.fill;
        if (COLOUR == 1u) {
            let row = word / WIDTH;
            let column = word % WIDTH;
            if (!is_cut(drawn, row, column)) {
                values = colour_at(source, place_of(drawn, row, column));
            }
        } else {
            for (var lane = 0u; lane < 4u; lane++) {
                // What follows the last pixel is left out later.
                let at = min(word * 4u + lane, AREA - 1u);
                let value = grey_at(source, place_of(drawn, at / WIDTH, at % WIDTH));
                values[lane] = select(value, parameters.fill.x, is_cut(drawn, at / WIDTH, at % WIDTH));
            }
        }
        if (any(parameters.colour != vec4(0.0))) {
            values = recoloured(values, colour);
        }
        batch_images[number * WORDS + word] = values * parameters.scale + parameters.shift;
    }
}
