// Attention on tensor cores for heads of up to 256 channels; see tensor_attention.cuh.

KERNEL(tensor_forward_256_bf16)(FORWARD) { tensor_forward<Bf16, 256>(FORWARD_VALUES); }
KERNEL(tensor_stats_256_bf16)(STATS) { tensor_stats<Bf16, 256>(STATS_VALUES); }
KERNEL(tensor_backward_q_256_bf16)(BACKWARD) { tensor_backward_q<Bf16, 256>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_256_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 256, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_256_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 256, false>(BACKWARD_VALUES); }
KERNEL(tensor_forward_256_tf32)(FORWARD) { tensor_forward<Tf32, 256>(FORWARD_VALUES); }
KERNEL(tensor_stats_256_tf32)(STATS) { tensor_stats<Tf32, 256>(STATS_VALUES); }
KERNEL(tensor_backward_q_256_tf32)(BACKWARD) { tensor_backward_q<Tf32, 256>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_256_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 256, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_256_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 256, false>(BACKWARD_VALUES); }
