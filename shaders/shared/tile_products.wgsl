        // The lines are written out because drivers that run on the CPU turn an indexed private array into memory traffic.
        let x0 = columns(place0, inner);
        var x1 = x0;
        var x2 = x0;
        var x3 = x0;
        if (BLOCKS > 1u) {
            x1 = columns(place1, inner);
        }
        if (BLOCKS > 2u) {
            x2 = columns(place2, inner);
            x3 = columns(place3, inner);
        }
        let w0 = rows(outer, inner, group);
        s[0] = add(s[0], w0, x0);
        s[1] = add(s[1], w0, x1);
        s[2] = add(s[2], w0, x2);
        s[3] = add(s[3], w0, x3);
        if (GROUPS > 1u) {
            let w1 = rows(outer, inner, group1);
            s[4] = add(s[4], w1, x0);
            s[5] = add(s[5], w1, x1);
            s[6] = add(s[6], w1, x2);
            s[7] = add(s[7], w1, x3);
        }
        if (GROUPS > 2u) {
            let w2 = rows(outer, inner, group2);
            s[8] = add(s[8], w2, x0);
            s[9] = add(s[9], w2, x1);
            s[10] = add(s[10], w2, x2);
            s[11] = add(s[11], w2, x3);
            let w3 = rows(outer, inner, group3);
            s[12] = add(s[12], w3, x0);
            s[13] = add(s[13], w3, x1);
            s[14] = add(s[14], w3, x2);
            s[15] = add(s[15], w3, x3);
        }
        if (GROUPS > 4u) {
            let w4 = rows(outer, inner, group4);
            s[16] = add(s[16], w4, x0);
            s[17] = add(s[17], w4, x1);
            s[18] = add(s[18], w4, x2);
            s[19] = add(s[19], w4, x3);
            let w5 = rows(outer, inner, group5);
            s[20] = add(s[20], w5, x0);
            s[21] = add(s[21], w5, x1);
            s[22] = add(s[22], w5, x2);
            s[23] = add(s[23], w5, x3);
        }
