//! Text for LaTeX.

/// `text` with every special character escaped and the symbols of our labels as commands.
/// Other scripts stay as they are: XeLaTeX and LuaLaTeX print them with a suitable font.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match command(c) {
            Some(command) => out.push_str(command),
            None => out.push(c),
        }
    }
    out
}

fn command(c: char) -> Option<&'static str> {
    Some(match c {
        '\\' => r"\textbackslash{}",
        '&' => r"\&",
        '%' => r"\%",
        '$' => r"\$",
        '#' => r"\#",
        '_' => r"\_",
        '{' => r"\{",
        '}' => r"\}",
        '~' => r"\textasciitilde{}",
        '^' => r"\textasciicircum{}",
        '<' => r"\textless{}",
        '>' => r"\textgreater{}",
        '"' => r"\textquotedbl{}",
        '−' => r"$-$",
        '×' => r"$\times$",
        '·' => r"$\cdot$",
        '±' => r"$\pm$",
        '≤' => r"$\le$",
        '≥' => r"$\ge$",
        '≈' => r"$\approx$",
        '∞' => r"$\infty$",
        '∇' => r"$\nabla$",
        '∂' => r"$\partial$",
        '√' => r"$\surd$",
        '∑' => r"$\sum$",
        '→' => r"$\rightarrow$",
        '↑' => r"$\uparrow$",
        '↓' => r"$\downarrow$",
        '²' => r"$^2$",
        '³' => r"$^3$",
        '–' => "--",
        '—' => "---",
        '…' => r"\dots{}",
        '“' => "``",
        '”' => "''",
        '‘' => "`",
        '’' => "'",
        'α' => r"$\alpha$",
        'β' => r"$\beta$",
        'γ' => r"$\gamma$",
        'δ' => r"$\delta$",
        'Δ' => r"$\Delta$",
        'ε' => r"$\varepsilon$",
        'η' => r"$\eta$",
        'θ' => r"$\theta$",
        'λ' => r"$\lambda$",
        'μ' | 'µ' => r"$\mu$",
        'ρ' => r"$\rho$",
        'σ' => r"$\sigma$",
        'Σ' => r"$\Sigma$",
        'τ' => r"$\tau$",
        'ω' => r"$\omega$",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specials_are_escaped_once_and_other_scripts_stay() {
        assert_eq!(
            escape(r"a_b\{50%} #1 & ~^"),
            r"a\_b\textbackslash{}\{50\%\} \#1 \& \textasciitilde{}\textasciicircum{}"
        );
        assert_eq!(escape("∇L ≤ 2 — 한국어"), r"$\nabla$L $\le$ 2 --- 한국어");
    }
}
