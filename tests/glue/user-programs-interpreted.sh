#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Some small real programs give the same under the interpreter (T0) as natively; more of them are in `make soak`.
cd "$(dirname "$0")/../.." || exit 1
exec tests/programs/run -x '-accel interp' -c tests/programs/coreutils.cases -c tests/programs/tools.cases \
    tr factor expr-test comm-join bc-dc perl-fork bash-jobs
