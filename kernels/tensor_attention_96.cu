// Attention on tensor cores for heads of up to 96 channels; see tensor_attention.cuh.

KERNEL(tensor_forward_96_bf16)(FORWARD) { tensor_forward<Bf16, 96>(FORWARD_VALUES); }
KERNEL(tensor_stats_96_bf16)(STATS) { tensor_stats<Bf16, 96>(STATS_VALUES); }
KERNEL(tensor_backward_q_96_bf16)(BACKWARD) { tensor_backward_q<Bf16, 96>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_96_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 96, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_96_bf16)(BACKWARD) { tensor_backward_keys<Bf16, 96, false>(BACKWARD_VALUES); }
KERNEL(tensor_forward_96_tf32)(FORWARD) { tensor_forward<Tf32, 96>(FORWARD_VALUES); }
KERNEL(tensor_stats_96_tf32)(STATS) { tensor_stats<Tf32, 96>(STATS_VALUES); }
KERNEL(tensor_backward_q_96_tf32)(BACKWARD) { tensor_backward_q<Tf32, 96>(BACKWARD_VALUES); }
KERNEL(tensor_backward_k_96_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 96, true>(BACKWARD_VALUES); }
KERNEL(tensor_backward_v_96_tf32)(BACKWARD) { tensor_backward_keys<Tf32, 96, false>(BACKWARD_VALUES); }
