# Completes the command line of @PROGRAM@ in fish.

function __@FUNCTION@_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)[1]
    set -l lines (string join0 -- $words[2..-1] "$current" | command @PROGRAM@ __complete fish 2>/dev/null)
    set -l kind (string split ' ' -- $lines[1])
    string collect -- $lines[2..-1]
    switch "$kind[1]"
        case files directories
            set -l flag (string match -r -- '^--[^=]+=' "$current")
            set -l path (string replace -- "$flag" '' "$current")
            if test $kind[1] = files
                string replace -r '^' -- "$flag" (__fish_complete_path "$path")
            else
                string replace -r '^' -- "$flag" (__fish_complete_directories "$path" '')
            end
        case command
            set -l rest (string escape -- $words[(math $kind[2] + 1)..-1])
            complete -C (string join ' ' -- $rest "$current")
    end
end

complete -c @PROGRAM@ -f -a '(__@FUNCTION@_complete)'
