// Attention on tensor cores for heads of up to 32 channels; see tensor_attention.cuh.

KERNEL(tensor_forward_32_bf16)(FORWARD) { tensor_forward<Bf16, 32>(FORWARD_VALUES); }
KERNEL(tensor_stats_32_bf16)(STATS) { tensor_stats<Bf16, 32>(STATS_VALUES); }
KERNEL(tensor_backward_q_32_bf16)(BACKWARD) { tensor_backward_q<Bf16, 32>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_32_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 32, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_32_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 32, false>(BACKWARD_VALUES); }
KERNEL(tensor_forward_32_tf32)(FORWARD) { tensor_forward<Tf32, 32>(FORWARD_VALUES); }
KERNEL(tensor_stats_32_tf32)(STATS) { tensor_stats<Tf32, 32>(STATS_VALUES); }
KERNEL(tensor_backward_q_32_tf32)(BACKWARD) { tensor_backward_q<Tf32, 32>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_32_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 32, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_32_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 32, false>(BACKWARD_VALUES); }
