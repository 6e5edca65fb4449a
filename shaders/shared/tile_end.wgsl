    // Past the edge nothing is stored.
    store_row(s[0], s[1], s[2], s[3], block, group);
    if (GROUPS > 1u) {
        store_row(s[4], s[5], s[6], s[7], block, group + 1u);
    }
    if (GROUPS > 2u) {
        store_row(s[8], s[9], s[10], s[11], block, group + 2u);
        store_row(s[12], s[13], s[14], s[15], block, group + 3u);
    }
    if (GROUPS > 4u) {
        store_row(s[16], s[17], s[18], s[19], block, group + 4u);
        store_row(s[20], s[21], s[22], s[23], block, group + 5u);
    }
