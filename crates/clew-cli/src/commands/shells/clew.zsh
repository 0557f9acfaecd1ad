#compdef clew
# Completion of `clew` in zsh: source <(clew completions zsh), or save it as _clew in a folder of $fpath
_clew() {
    local line
    local -a typed found folders
    typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    for line in "${(@f)$("${(Q)words[1]}" __complete zsh "${typed[@]}" 2>/dev/null)}"; do
        if [[ -z $line ]]; then continue; fi
        if [[ $line == */:* ]]; then folders+=("$line"); else found+=("$line"); fi
    done
    _describe -V clew found
    _describe -V clew folders -S ''
}
if [[ $funcstack[1] == _clew ]]; then _clew "$@"; else compdef _clew clew; fi
