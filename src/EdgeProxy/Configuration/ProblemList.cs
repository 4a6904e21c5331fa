namespace EdgeProxy.Configuration;

/// <summary>Collects problems while the settings are checked, so that a person sees all of them at once.</summary>
/// <param name="configuration">Quoted in each problem; its last source is the environment.</param>
internal sealed class ProblemList(IConfigurationRoot configuration)
{
    private readonly List<SettingsProblem> _problems = [];

    /// <summary>Errors first, each severity in the order of discovery.</summary>
    public IReadOnlyList<SettingsProblem> Sorted => [.. _problems.OrderByDescending(problem => problem.Severity)];

    public bool HasErrors => _problems.Exists(problem => problem.Severity == SettingsSeverity.Error);

    /// <param name="key">The key path; its value is quoted.</param>
    /// <param name="message">See <see cref="SettingsProblem.Message"/>.</param>
    /// <param name="isSecret">The value is not to be quoted.</param>
    public void Error(string key, string message, bool isSecret = false) => Add(SettingsSeverity.Error, key, message, isSecret);

    public void Warn(string key, string message) => Add(SettingsSeverity.Warning, key, message, isSecret: false);

    private void Add(SettingsSeverity severity, string key, string message, bool isSecret)
    {
        var isOfMissing = message.StartsWith("is missing", StringComparison.Ordinal);
        var isFromEnvironment = configuration.Providers.LastOrDefault() is { } environment && environment.TryGet(key, out _);
        var origin = isFromEnvironment ? $" (environment variable {key.Replace(":", "__", StringComparison.Ordinal)})" : "";
        if (isOfMissing && _problems.Exists(problem => problem.Key == key && problem.Severity == SettingsSeverity.Error))
        {
            return; // it is there, and cannot be read
        }

        _problems.Add(new SettingsProblem(severity, key, isSecret || isOfMissing ? null : configuration[key] ?? SingleText(key), message + origin));
    }

    /// <summary>A list of one text may be written as that text.</summary>
    private string? SingleText(string key) => key.EndsWith(":0", StringComparison.Ordinal) ? configuration[key[..^":0".Length]] : null;
}
