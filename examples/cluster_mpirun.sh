#!/usr/bin/env bash
# One master and as many workers as there are cores, on this machine or on those of a host file.
#
#   examples/cluster_mpirun.sh mnist runs/mnist [HOSTFILE]
#
# Run it again to go on with the run. The master sleeps while workers train, so it needs no core of
# its own: one rank more than there are cores is right.
set -euo pipefail

config=$1
run_dir=$2
hosts=(${3:+--hostfile "$3"})
ranks=$(($(nproc) + 1))

# Open MPI refuses root (as in a container) and more ranks than cores unless it is told; MPICH does not ask.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

exec mpirun "${hosts[@]}" -n "${RANKS:-$ranks}" gakeras search "$config" --run-dir "$run_dir" --resume auto
