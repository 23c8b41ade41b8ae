// Attention on tensor cores for heads of up to 128 channels; see tensor_attention.cuh.

KERNEL(tensor_forward_128_bf16)(FORWARD) { tensor_forward<Bf16, 128>(FORWARD_VALUES); }
KERNEL(tensor_stats_128_bf16)(STATS) { tensor_stats<Bf16, 128>(STATS_VALUES); }
KERNEL(tensor_backward_q_128_bf16)(BACKWARD) { tensor_backward_q<Bf16, 128>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_128_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 128, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_128_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 128, false>(BACKWARD_VALUES); }
KERNEL(tensor_forward_128_tf32)(FORWARD) { tensor_forward<Tf32, 128>(FORWARD_VALUES); }
KERNEL(tensor_stats_128_tf32)(STATS) { tensor_stats<Tf32, 128>(STATS_VALUES); }
KERNEL(tensor_backward_q_128_tf32)(BACKWARD) { tensor_backward_q<Tf32, 128>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_128_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 128, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_128_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 128, false>(BACKWARD_VALUES); }
