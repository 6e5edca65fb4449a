    // Which tile an invocation takes.
    let all = blocks();
    let tiles = (all + BLOCKS - 1u) / BLOCKS;
    let block = (index % tiles) * BLOCKS;
    let group = (index / tiles) * GROUPS;
    if (group >= ALL_GROUPS) {
        return;
    }
    let start0 = start_of(block);
    let start1 = start_of(min(block + 1u, all - 1u));
    let start2 = start_of(min(block + 2u, all - 1u));
    let start3 = start_of(min(block + 3u, all - 1u));
    let group1 = min(group + 1u, ALL_GROUPS - 1u);
    let group2 = min(group + 2u, ALL_GROUPS - 1u);
    let group3 = min(group + 3u, ALL_GROUPS - 1u);
    let group4 = min(group + 4u, ALL_GROUPS - 1u);
    let group5 = min(group + 5u, ALL_GROUPS - 1u);
