// Attention on tensor cores for heads of up to 64 channels; see tensor_attention.cuh.

KERNEL(tensor_forward_64_bf16)(FORWARD) { tensor_forward<Bf16, 64>(FORWARD_VALUES); }
KERNEL(tensor_stats_64_bf16)(STATS) { tensor_stats<Bf16, 64>(STATS_VALUES); }
KERNEL(tensor_backward_q_64_bf16)(BACKWARD) { tensor_backward_q<Bf16, 64>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_64_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 64, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_64_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 64, false>(BACKWARD_VALUES); }
KERNEL(tensor_forward_64_tf32)(FORWARD) { tensor_forward<Tf32, 64>(FORWARD_VALUES); }
KERNEL(tensor_stats_64_tf32)(STATS) { tensor_stats<Tf32, 64>(STATS_VALUES); }
KERNEL(tensor_backward_q_64_tf32)(BACKWARD) { tensor_backward_q<Tf32, 64>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_64_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 64, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_64_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 64, false>(BACKWARD_VALUES); }
