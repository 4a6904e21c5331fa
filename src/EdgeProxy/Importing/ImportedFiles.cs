using System.Text.Json.Nodes;

namespace EdgeProxy.Importing;

/// <summary>Keys of files that all importers write.</summary>
internal static class ImportedFiles
{
    /// <summary>What <see cref="CacheControl"/> leaves out, for a note.</summary>
    public const string WithoutCacheControl =
        "files are sent without Cache-Control, as there (CacheControl with an empty Value); without that key EdgeProxy has names with Django's hash " +
        "(app.0123456789ab.css) kept for a year and all others asked for again, which costs a 304";

    /// <summary>One value for all files, in place of what EdgeProxy says by itself of names with a hash and of all others.</summary>
    /// <param name="value">Empty: the header is not sent.</param>
    public static JsonArray CacheControl(string value = "") => new(new JsonObject { ["Path"] = "*", ["Value"] = value });
}
