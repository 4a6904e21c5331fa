namespace EdgeProxy.Configuration;

/// <summary>How bad a <see cref="SettingsProblem"/> is.</summary>
internal enum SettingsSeverity
{
    /// <summary>The proxy runs; something is probably not as meant.</summary>
    Warning,

    /// <summary>The proxy does not start.</summary>
    Error,
}

/// <summary>Something wrong with the settings, for the person who wrote them. <see cref="ToString"/> is one line.</summary>
/// <param name="Severity">Any error keeps the proxy from starting.</param>
/// <param name="Key">The key path, e.g. <c>EdgeProxy:Health:Attempts</c>; the file, where the whole file is to blame.</param>
/// <param name="Value">The value that was found; null: none, or not worth repeating.</param>
/// <param name="Message">What is wrong and what is allowed; continues a sentence that starts with the key: <c>must be 1 to 1000</c>.</param>
internal sealed record SettingsProblem(SettingsSeverity Severity, string Key, string? Value, string Message)
{
    /// <summary><c>error: EdgeProxy:Health:Attempts = "0" must be a whole number from 1 to 1000</c>.</summary>
    public override string ToString()
    {
        var severity = Severity == SettingsSeverity.Error ? "error" : "warning";
        return $"{severity}: {Text}";
    }

    /// <summary>The sentence.</summary>
    internal string Text => Value is null ? $"{Key} {Message}" : $"{Key} = \"{Value}\" {Message}";
}
