# Completes the command line of @PROGRAM@ in PowerShell.

Register-ArgumentCompleter -Native -CommandName '@PROGRAM@' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $elements = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
    $words = @($elements | Select-Object -Skip 1 | ForEach-Object {
            if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text }
        })
    $current = "$wordToComplete".Trim('"', "'")

    # On standard input, because other users can see arguments.
    $OutputEncoding = [System.Text.UTF8Encoding]::new($false)
    $fields = (@($words) + $current | ForEach-Object { "$_`0" }) -join ''
    $program = Get-Command -CommandType Application, ExternalScript -Name '@PROGRAM@' | Select-Object -First 1
    # @PROGRAM@ __complete powershell
    $lines = @($fields | & $program __complete powershell 2>$null)
    if ($lines.Count -eq 0) { return }

    if ($lines[0] -match '^command (\d+)$') {
        $rest = @($elements | Select-Object -Skip ([int]$Matches[1]) | ForEach-Object { $_.Extent.Text }) + $wordToComplete
        $text = $rest -join ' '
        return [System.Management.Automation.CommandCompletion]::CompleteInput($text, $text.Length, $null).CompletionMatches
    }
    $lines | Select-Object -Skip 1 | ForEach-Object {
        $value, $about = $_ -split "`t", 2
        if (-not $value.StartsWith($current, [System.StringComparison]::Ordinal)) { return }
        $text = if ($value -match '^[A-Za-z0-9_./:=-]+$') { $value } else { "'" + $value.Replace("'", "''") + "'" }
        $tip = if ($about) { $about } else { $value }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $tip)
    }
}
