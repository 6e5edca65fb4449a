// Threefry-4x32-20 (Salmon et al. 2011), a stream of random words that a key and a number give.
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

// A block of four random words.
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
