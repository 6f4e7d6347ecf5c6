#!/usr/bin/env bash
# A search over several nodes with GPUs, which goes on by itself in the next job until it is done.
#
#   sbatch examples/cluster_slurm.sh configs/mnist.toml runs/mnist
#
#SBATCH --job-name=gakeras
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=5
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#
# 5 tasks on a node of 4 GPUs: on the first node a master, which takes no GPU, and 4 workers; on
# the others the fifth worker shares a GPU. Do not use --gpus-per-task: the master would hold one.
#
# gakeras ends a little before the job does (--time-limit), or when Slurm sends USR1 five minutes ahead.
# Exit status 75 then says that the run is unfinished, and the job is put back into the queue.
set -uo pipefail

config=$1
run_dir=$2

mpirun gakeras search "$config" --run-dir "$run_dir" --resume auto --time-limit 11:50:00 --no-progress &
job=$!
trap 'kill -USR1 "$job"' USR1

wait "$job"
status=$?
while kill -0 "$job" 2>/dev/null; do # `wait` returns early when the signal comes
    wait "$job"
    status=$?
done

if [[ $status -eq 75 ]]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
