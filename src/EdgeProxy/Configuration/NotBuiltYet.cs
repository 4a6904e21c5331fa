namespace EdgeProxy.Configuration;

/// <summary>Settings whose feature this version does not have. They are checked like all others; setting one is worth a warning.</summary>
/// <remarks>A feature that lands deletes its line.</remarks>
internal static class NotBuiltYet
{
    /// <summary>Keys, or whole sections, under <c>EdgeProxy</c>.</summary>
    private static readonly string[] _keys =
    [
        "Tls:Internal",
    ];

    public static void Warn(IConfigurationSection section, ProblemList problems)
    {
        foreach (var key in _keys.Where(key => IsSet(section.GetSection(key))))
        {
            problems.Warn(section.GetSection(key).Path, "has no effect: this version does not have the feature");
        }
    }

    /// <summary>An explicit null or an empty list asks for nothing.</summary>
    private static bool IsSet(IConfigurationSection section) => !string.IsNullOrEmpty(section.Value) || section.GetChildren().Any(IsSet);
}
