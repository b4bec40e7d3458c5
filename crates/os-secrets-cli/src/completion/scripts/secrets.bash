# Completes the command line of @PROGRAM@ in bash.

_@FUNCTION@() {
    local kind='' line function i dashes
    COMPREPLY=()
    {
        IFS= read -r kind
        while IFS= read -r line; do COMPREPLY+=("$line"); done
    } < <(printf '%s\0' "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" | command @PROGRAM@ __complete bash 2>/dev/null)
    case $kind in
    words)
        # A flag that ends with = goes on.
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
        return 0
        ;;
    files) compopt -o default 2>/dev/null; return 0 ;;
    directories) compopt -o dirnames 2>/dev/null; return 0 ;;
    command\ *) dashes=${kind#command } ;;
    *) return 0 ;;
    esac
    # The rest of the line is that of another program.
    for ((i = 1; i < COMP_CWORD && dashes > 0; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] && ((dashes--))
    done
    ((dashes == 0)) || return 0
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$i"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$i"
    elif ((COMP_CWORD == i)); then
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$2")
    else
        compopt -o default 2>/dev/null
        function=$(complete -p -- "${COMP_WORDS[i]##*/}" 2>/dev/null) || return 0
        [[ $function == *' -F '* ]] || return 0
        function=${function#* -F }
        function=${function%% *}
        # The line begins with the command, wherever its words stand in ours.
        line=${COMP_LINE#*[[:space:]]--[[:space:]]}
        ((COMP_POINT -= ${#COMP_LINE} - ${#line}))
        COMP_LINE=$line
        COMP_WORDS=("${COMP_WORDS[@]:i}")
        ((COMP_CWORD -= i))
        "$function" "${COMP_WORDS[0]}" "$2" "$3"
    fi
}

complete -F _@FUNCTION@ @PROGRAM@
