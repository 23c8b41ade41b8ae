"""Makes tests/golden/training/adapters: LoRA adapters of three golden models, by peft.

Run from the root of the repository:  python tests/golden/make/adapters.py
Needs torch, transformers, peft; the versions used are in tests/golden/PROVENANCE.md.

Each folder is what `save_pretrained` of peft writes, and reference.safetensors: logits of the base model's
reference ids with the adapter, and the gradients of A and B of the mean loss, computed in float64.
"""

import json
import os
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "models")
OUT = os.path.join(HERE, "..", "training", "adapters")
CASES = {
    "gpt2": dict(r=3, lora_alpha=7, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True),
    "gpt_neox": dict(r=2, lora_alpha=4, target_modules=["query_key_value", "dense"], use_rslora=True),
    "llama": dict(r=4, lora_alpha=2, target_modules=["q_proj", "v_proj", "down_proj"], lora_dropout=0.25),
}


def base(name):
    folder = os.path.join(MODELS, name)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()


torch.set_num_threads(1)
for number, (name, options) in enumerate(CASES.items()):
    torch.manual_seed(40 + number)
    folder = os.path.join(OUT, name)
    shutil.rmtree(folder, ignore_errors=True)
    model = get_peft_model(base(name), LoraConfig(task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_B" in key:
                p.copy_(0.3 * torch.randn(p.shape))
    model.to(torch.float32).save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    config = os.path.join(folder, "adapter_config.json")
    with open(config) as f:
        fields = json.load(f)
    fields["base_model_name_or_path"] = "tests/golden/models/" + name
    fields["target_modules"] = sorted(fields["target_modules"])
    with open(config, "w") as f:
        f.write(json.dumps(fields, indent=2) + "\n")
    model = PeftModel.from_pretrained(base(name), folder, is_trainable=True).to(torch.float64).eval()
    ids = load_file(os.path.join(MODELS, name, "reference.safetensors"))["input_ids"]
    logits = model(ids).logits
    log_probs = torch.log_softmax(logits[:, :-1], -1)
    loss = -log_probs.gather(-1, ids[:, 1:, None]).mean()
    loss.backward()
    out = {"logits": logits}
    for key, p in model.named_parameters():
        if p.grad is not None:
            out["grad/" + key.replace(".default", "")] = p.grad
    save_file({k: x.detach().float().contiguous() for k, x in out.items()}, os.path.join(folder, "reference.safetensors"))
    print(name, len(out) - 1, "gradients", sorted(os.listdir(folder)), loss.item())
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)
