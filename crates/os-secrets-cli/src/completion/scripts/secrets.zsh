#compdef @PROGRAM@
# Completes the command line of @PROGRAM@ in zsh.

_@FUNCTION@() {
    local line kind
    local -a lines values shown
    lines=("${(@f)$(print -rN -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" |
        command @PROGRAM@ __complete zsh 2>/dev/null)}")
    kind=$lines[1]
    for line in "${(@)lines[2,-1]}"; do
        values+=("${line%%$'\t'*}")
        shown+=("${line/%$'\t'/}")
        shown[-1]=${shown[-1]/$'\t'/  -- }
    done
    (( $#values )) && compadd -l -d shown -a -- values
    case $kind in
    files | directories)
        [[ $PREFIX == --*=* ]] && compset -P '*='
        if [[ $kind == files ]]; then _files; else _files -/; fi
        ;;
    command\ *)
        shift ${kind#command } words
        (( CURRENT -= ${kind#command } ))
        _normal
        ;;
    *) (( $#values )) ;;
    esac
}

if [[ $funcstack[1] == _@FUNCTION@ ]]; then
    _@FUNCTION@ "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _@FUNCTION@ @PROGRAM@
fi
