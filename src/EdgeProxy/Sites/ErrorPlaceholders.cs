using System.Globalization;
using EdgeProxy.Configuration;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Sites;

/// <summary>What texts and paths of the settings may ask of an error.</summary>
internal static class ErrorPlaceholders
{
    /// <summary>The status code.</summary>
    public const string Status = "{status}";

    /// <summary>The placeholder for the words of the status code, such as <c>Not Found</c>.</summary>
    public const string StatusText = "{status_text}";

    /// <summary>Puts in what the error says; what the request says is left for later.</summary>
    public static string Fill(string text, int status) => text
        .Replace(StatusText, ReasonPhrases.GetReasonPhrase(status), StringComparison.Ordinal)
        .Replace(Status, status.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    /// <summary>Of the path of a file, in which the words have no place.</summary>
    public static string FillPath(string path, int status) =>
        path.Replace(Status, status.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    /// <summary>Of all values.</summary>
    public static HeaderOptions? Fill(HeaderOptions? headers, int status) => headers is null ? null : new HeaderOptions
    {
        Remove = headers.Remove,
        Set = headers.Set?.ToDictionary(field => field.Key, field => Fill(field.Value, status)),
        Add = headers.Add?.ToDictionary(field => field.Key, field => (TextList)field.Value.Select(value => Fill(value, status)).ToArray()),
        Default = headers.Default?.ToDictionary(field => field.Key, field => Fill(field.Value, status)),
        Replace = headers.Replace,
    };
}
